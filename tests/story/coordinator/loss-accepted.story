# An operator knows that they are gone: the operation goes on, and ends for want of them.
> fleet 5
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
> open op1 sync_all version=v2 prepare=30000
ADMITTED: 5 of 5 reachable, need 5
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n2 op1 PREPARE v2
send n3 op1 PREPARE v2
send n4 op1 PREPARE v2
op1 is preparing
> leave n2
> leave n3
> leave n4
> wait 60000
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
isolated
op1 is preparing
> accept-loss
isolated no more
op1 is preparing
> wait 2000
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
write op1 ABORT
op1 is preparing
> written op1
send n0 op1 abort
send n1 op1 abort
op1 is aborted
# It is not asked again about the same ones, who go down one after the other.
> wait 60000
op1 is over
> open op2 local version=v3 node=n0
ADMITTED: 1 of 1 reachable, need 1
write op2 OPEN
op2 is preparing
