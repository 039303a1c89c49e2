# A node goes dark after COMMIT: the others go back; when it returns, so does it, and the outcome is
# settled by itself.
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
> written op1
send n0 op1 commit
send n1 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> leave n1
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
> wait 2000
> written op1'
send n0 op1' commit
op1' is committing
> n0 applied op1'
write op1' SUCCEEDED
op1' is soaking
> wait 2000
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
> join n1 open=op1
answer n1 op1 superseded
ready n1
send n1 op1' PREPARE v1
> n1 yes op1'
send n1 op1' commit
op1' is succeeded-partial
> n1 applied op1'
send n1 op1' FINAL
op1' is succeeded
write op1 SETTLED
op1 is rolling-back
> written op1
op1 is rolled-back
op1 is over
op1' is over
