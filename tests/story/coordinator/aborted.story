# T02: an operator stops it while all nodes are away. The module is free as soon as that is written, and
# who promised hears of it when it is back.
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
> n0 yes op1
op1 is preparing
> leave n0
> leave n1
> abort op1
write op1 ABORT
op1 is preparing
> written op1
op1 is aborted
op1 is over
> join n0 open=op1
look up op1
ready n0
> found n0 op1 ABORT
answer n0 op1 abort
> join n1
ready n1
> open op2 sync_all version=v3
ADMITTED: 2 of 2 reachable, need 2
write op2 OPEN
op2 is preparing
