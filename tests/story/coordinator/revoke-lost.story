# A node is lost after commit: the fleet is mixed until the node is back, or removed.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> open op1 sync_all version=v2
ADMITTED: 3 of 3 reachable, need 3
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n2 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
op1 is preparing
> n2 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
send n2 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
op1 is committing
> leave n2
> wait 1500
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> cause op1
LOST n2 no read-back by the commit deadline
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
> wait 2000
> written op1'
send n0 op1' commit
send n1 op1' commit
op1' is committing
> n0 applied op1' runs=v1
op1' is committing
> n1 applied op1' runs=v1
write op1' SUCCEEDED
op1' is soaking
> written op1'
write op1' FINAL
op1' is succeeded-partial
write op1 SETTLED
op1 is rolling-back
> written op1'
send n0 op1' FINAL
send n1 op1' FINAL
op1' is succeeded-partial
> written op1
op1 is failed-mixed
> revoke n2
op1' is succeeded
write op1 SETTLED
op1 is rolling-back
> written op1
op1 is rolled-back
op1 is over
op1' is over
