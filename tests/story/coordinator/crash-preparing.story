# C3: killed when some were asked. ABORT is told to who has promised, once its row is written; a vote
# that comes late is answered with it.
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
> restart
epoch 8
write op1 ABORT
op1 is preparing
> join n0 open=op1 epoch=7
answer n0 op1 pending
ready n0
> n0 asks op1
answer n0 op1 pending
> written op1
send n0 op1 abort
op1 is aborted
> n0 asks op1
answer n0 op1 abort
op1 is over
> found n0 op1 ABORT
answer n0 op1 abort
> join n1 epoch=8
ready n1
> n1 yes op1 epoch=7
look up op1
> found n1 op1 ABORT
answer n1 op1 abort
