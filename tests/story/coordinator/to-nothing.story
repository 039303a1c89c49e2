# A first deployment fails on one node after commit: all go back to nothing. Who says that it runs
# nothing is back, whether it still knows the module (n0) or not (n1). A host that is away (n2) says
# so too, of what it is to run: that is not to be back.
> fleet 3
> join n0 runs=none
ready n0
> join n1 runs=unknown
ready n1
> join n2 runs=none
ready n2
> open op1 sync_all version=v2 install=yes
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
> n2 failed op1 CRASHED
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> written op1
op1 is rolling-back
send n0 op1' PREPARE none
send n1 op1' PREPARE none
send n2 op1' PREPARE none
op1' is preparing
> n0 yes op1'
op1' is preparing
> n1 yes op1'
op1' is preparing
> n2 yes op1'
write op1' COMMIT
op1' is preparing
> written op1'
send n0 op1' commit
send n1 op1' commit
send n2 op1' commit
op1' is committing
> leave n1
> leave n2
> n0 applied op1'
op1' is committing
> join n1 runs=unknown
op1' is committing
ready n1
> join n2 runs=none generation=1
ready n2
send n2 op1' commit
> n2 applied op1'
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
send n2 op1' FINAL
op1' is succeeded
> written op1
op1 is rolled-back
op1 is over
op1' is over
