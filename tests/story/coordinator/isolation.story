# Three of five fall silent at once: is it us? Nobody is marked down, and no deadline passes, until
# more than half are heard again.
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
> n0 yes op1
op1 is preparing
> n1 yes op1
op1 is preparing
> leave n2
> leave n3
> leave n4
> wait 5000
> wait 2000
isolated
op1 is preparing
> open op2 local version=v3 node=n0
HELD: 1 of 1 reachable, need 1
> wait 60000
> join n2
isolated no more
op1 is preparing
ready n2
send n2 op1 PREPARE v2
> join n3
ready n3
send n3 op1 PREPARE v2
> n2 yes op1
op1 is preparing
> n3 yes op1
op1 is preparing
> wait 3000
write op1 ABORT
op1 is preparing
# One that stays away is marked down now, and the operation ends.
> wait 60000
> written op1
send n0 op1 abort
send n1 op1 abort
send n2 op1 abort
send n3 op1 abort
op1 is aborted
