# C14: a compensation is an operation like any other. Killed before it is durable that nodes failed,
# who failed says so again; killed after it, the compensation goes on, it is not aborted.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2 soak=1000
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
> written op1
send n0 op1 commit
send n1 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 failed op1 CRASHED
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> restart
epoch 8
op1 is committing
> join n0 runs=v2 generation=1 open=op1 epoch=7 sequence=1
op1 is committing
answer n0 op1 commit
ready n0
> join n1 open=op1 epoch=7 sequence=1
send n1 op1 commit
op1 is committing
answer n1 op1 commit
ready n1
> n1 failed op1 CRASHED
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> restart written
epoch 9
op1 is rolling-back
op1' is preparing
> join n0 runs=v2 generation=1 open=op1 epoch=8 sequence=1
answer n0 op1 superseded
ready n0
send n0 op1' PREPARE v1
> wait 300
send n0 op1' PREPARE v1
> n0 yes op1'
op1' is preparing
> join n1 runs=v2 generation=1 open=op1 epoch=8 sequence=1
answer n1 op1 superseded
ready n1
send n1 op1' PREPARE v1
> n1 yes op1'
write op1' COMMIT
op1' is preparing
# Its COMMIT is durable, and nobody was told.
> restart written
epoch 10
op1 is rolling-back
op1' is committing
> join n0 runs=v2 generation=1 open=op1' epoch=9 sequence=1
send n0 op1' commit
op1' is committing
answer n0 op1' commit
ready n0
> n0 applied op1'
op1' is committing
> join n1 runs=v2 generation=1 open=op1' epoch=9 sequence=1
send n1 op1' commit
op1' is committing
answer n1 op1' commit
ready n1
> n1 applied op1'
write op1' SUCCEEDED
op1' is soaking
> written op1'
write op1' FINAL
op1' is succeeded
write op1 SETTLED
op1 is rolling-back
> written op1'
send n0 op1' FINAL
send n1 op1' FINAL
op1' is succeeded
> written op1
op1 is rolled-back
op1 is over
op1' is over
