# Who was away before this coordinator began does not make it doubt itself.
> fleet 6
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> join n3
ready n3
> join n4
ready n4
> join n5
ready n5
> leave n3
> wait 20000
> leave n4
> wait 20000
> leave n5
> wait 20000
# works: half of them are away one after the other, and are down
> open op1 local version=v3 node=n0
ADMITTED: 1 of 1 reachable, need 1
write op1 OPEN
op1 is preparing
> abort op1
> written op1
write op1 ABORT
op1 is preparing
# the coordinator restarts; who was away for weeks is away
> fleet 6
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> wait 86400000
> open op2 local version=v3 node=n0
ADMITTED: 1 of 1 reachable, need 1
write op2 OPEN
op2 is preparing
