# B1: coordinator and a prepared node die between the votes and COMMIT being told. The row is there when
# the coordinator is back: whoever returns is told; who has not by the commit deadline takes all back.
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
> n1 yes op1
write op1 COMMIT
op1 is preparing
> restart written
epoch 8
op1 is committing
> join n0 open=op1 epoch=7
send n0 op1 commit
op1 is committing
answer n0 op1 commit
ready n0
> n0 applied op1
op1 is committing
> wait 1500
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> written op1
op1 is rolling-back
send n0 op1' PREPARE v1
op1' is preparing
> n0 yes op1'
write op1' COMMIT
op1' is preparing
> written op1'
send n0 op1' commit
op1' is committing
> n0 applied op1'
write op1' SUCCEEDED
op1' is soaking
> written op1'
write op1' FINAL
op1' is succeeded-partial
write op1 SETTLED
op1 is rolling-back
> written op1'
send n0 op1' FINAL
op1' is succeeded-partial
> written op1
op1 is failed-mixed
# The other one returns in doubt: it never runs the version, and is told that it is over.
> join n1 open=op1 epoch=7
answer n1 op1 superseded
ready n1
send n1 op1' PREPARE v1
