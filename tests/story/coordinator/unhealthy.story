# In the soak a check that fails on one node takes sync_all back, and the version is blamed; so it
# does later in the window, when the client has gone.
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
> n1 applied op1
op1 is soaking
> wait 1000
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded
> n1 failed op1 HEALTH
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> cause op1
HEALTH n1 
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
> n0 applied op1'
op1' is committing
> n1 applied op1'
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
> open op2 sync_all version=v3 soak=1000
ADMITTED: 2 of 2 reachable, need 2
write op2 OPEN
op2 is preparing
> written op2
send n0 op2 PREPARE v3
send n1 op2 PREPARE v3
op2 is preparing
> n0 yes op2
op2 is preparing
> n1 yes op2
write op2 COMMIT
op2 is preparing
> written op2
send n0 op2 commit
send n1 op2 commit
op2 is committing
> n0 applied op2
op2 is committing
> n1 applied op2
op2 is soaking
> n0 failed op2 HEALTH
write op2 DEGRADED and its compensation's OPEN
op2 is rolling-back
> cause op2
HEALTH n0 
# One of three in the window of a quorum: the quorum bears it, and it is owed nothing that it runs.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> open op1 quorum version=v2
ADMITTED: 3 of 3 reachable, need 2
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
> n2 applied op1
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded
> n2 failed op1 HEALTH
op1 is succeeded-partial
> wait 6000
write op1 FINAL
op1 is succeeded-partial
