# C2: killed after OPEN is durable and before any PREPARE. What begins again aborts it, in its own epoch.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2
ADMITTED: 2 of 2 reachable, need 2
write op1 OPEN
op1 is preparing
> restart written
epoch 8
write op1 ABORT
op1 is preparing
> join n0
ready n0
> join n1
ready n1
> written op1
send n0 op1 abort
send n1 op1 abort
op1 is aborted
> n0 asks op1
answer n0 op1 abort
op1 is over
> found n0 op1 ABORT
answer n0 op1 abort
