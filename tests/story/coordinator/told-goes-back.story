# A node that was away is told late, and the coordinator is killed before it has written that down. The
# others fail before the node is heard again: it goes back with them, for what the journal has of the
# parts may be older than what was sent.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> leave n2
> wait 20000
> open op1 quorum version=v2 soak=1000
ADMITTED: 2 of 3 reachable, need 2
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
> join n2
ready n2
send n2 op1 PREPARE v2
> n2 yes op1
send n2 op1 commit
op1 is committing
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
> written op1
op1 is rolling-back
send n0 op1' PREPARE v1
send n1 op1' PREPARE v1
op1' is preparing
> n0 yes op1'
op1' is preparing
> n1 yes op1'
write op1' COMMIT
op1' is preparing
> join n2 runs=v2 generation=1 open=op1 epoch=7 sequence=1
answer n2 op1 superseded
ready n2
> written op1'
send n0 op1' commit
send n1 op1' commit
send n2 op1' PREPARE v1
op1' is committing
> n0 applied op1'
op1' is committing
> n1 applied op1'
write op1' SUCCEEDED
op1' is soaking
> written op1'
write op1' FINAL
op1' is succeeded-partial
write op1 SETTLED
op1 is rolling-back
> written op1
op1 is failed-mixed
> n2 yes op1'
> n2 applied op1'
op1' is succeeded
write op1 SETTLED
op1 is rolling-back
> written op1
op1 is rolled-back
op1 is over
