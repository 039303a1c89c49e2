# An undo of a first deployment leads to nothing on every node; on one that is away, when it is back.
> fleet 2
> join n0 runs=v1
ready n0
> join n1 runs=v1
ready n1
> leave n1
> wait 20000
> open op1 sync_all kind=undo leaving=v1 to=none
ADMITTED: 1 of 2 reachable, need 0
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE none
op1 is preparing
> n0 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
op1 is committing
> n0 applied op1
write op1 SUCCEEDED
op1 is soaking
> written op1
write op1 FINAL
op1 is succeeded-partial
> written op1
send n0 op1 FINAL
op1 is succeeded-partial
> join n1 runs=v1
ready n1
send n1 op1 PREPARE none
> n1 yes op1
send n1 op1 commit
op1 is succeeded-partial
> n1 applied op1 runs=unknown
send n1 op1 FINAL
op1 is succeeded
