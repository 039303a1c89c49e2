# A node away: refused before anyone is contacted, or left out on purpose.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> leave n2
> open op1 sync_all version=v2
ABSENT: 2 of 3 reachable, need 3
> open op1 sync_all version=v2 offline=skip
ADMITTED: 2 of 3 reachable, need 2
write op1 OPEN
op1 is preparing
> open op2 local version=v2 node=n2
HELD: 0 of 1 reachable, need 1
