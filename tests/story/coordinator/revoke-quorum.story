# A quorum goes on without a node that it does not need, and goes back when it is none any more.
> fleet 4
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> join n3
ready n3
> open op1 quorum version=v2
ADMITTED: 4 of 4 reachable, need 3
write op1 OPEN
op1 is preparing
> revoke n3
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
> revoke n2
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> cause op1
REVOKED n2 revoked by ana
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
op1' is succeeded
write op1 SETTLED
op1 is rolling-back
> written op1
op1 is rolled-back
op1 is over
