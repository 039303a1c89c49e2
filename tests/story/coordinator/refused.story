# One NO, nobody changed. A second operation on the module is told who holds it.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2
ADMITTED: 2 of 2 reachable, need 2
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
op1 is preparing
> open op2 sync_all version=v3
HELD: 2 of 2 reachable, need 2
> n0 yes op1
op1 is preparing
> n1 no op1 SYMBOL
write op1 ABORT
op1 is preparing
> written op1
send n0 op1 abort
op1 is aborted
> n0 asks op1
answer n0 op1 abort
op1 is over
> open op2 sync_all version=v3 offline=skip
ADMITTED: 2 of 2 reachable, need 2
write op2 OPEN
op2 is preparing
