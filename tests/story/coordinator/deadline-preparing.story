# T01: a node is stopped while it prepares: the deadline decides, and the cause names it.
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
> wait 1999
send n1 op1 PREPARE v2
send n1 op1 PREPARE v2
send n1 op1 PREPARE v2
> wait 1
write op1 ABORT
op1 is preparing
> written op1
send n0 op1 abort
send n1 op1 abort
op1 is aborted
> cause op1
EXPIRED n1 no vote within the time to prepare
