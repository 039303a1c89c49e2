# A host that dies while it is watched is a failure. When the operation is over it matters only what
# is mapped since: the node says that it crashed, and that it runs the version, and is done.
> fleet 2
> join n0 runs=v1
ready n0
> join n1 runs=v1
ready n1
> open op1 rolling kind=reconcile on-failure=hold version=v2 soak=1000
ADMITTED: 2 of 2 reachable, need 0
write op1 OPEN
op1 is preparing
> written op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 PREPARE v2
op1 is committing
> n0 yes op1
send n0 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n0 failed op1 CRASHED
op1 is committing
send n1 op1 PREPARE v2
> n1 yes op1
send n1 op1 commit
op1 is committing
> n1 applied op1
op1 is committing
> wait 1000
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
send n0 op1 PREPARE v2
> wait 100
> n0 failed op1 CRASHED runs=v1
> n0 yes op1
send n0 op1 commit
op1 is succeeded-partial
> n0 failed op1 CRASHED runs=v2
op1 is succeeded
