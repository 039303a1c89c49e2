# Who is away when its turn would come is owed it and holds nobody up; who falls silent while it is
# watched is the first failure. Both get it when they are back, also after the end.
> fleet 4
> join n0 runs=v1
ready n0
> join n1 runs=v1
ready n1
> join n2 runs=v1
ready n2
> join n3 runs=v1
ready n3
> leave n2
> open op1 rolling kind=reconcile on-failure=hold version=v2 soak=20000
ADMITTED: 3 of 4 reachable, need 0
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
> leave n0
> wait 16000
op1 is committing
send n1 op1 PREPARE v2
> n1 yes op1
send n1 op1 commit
op1 is committing
> n1 applied op1
op1 is committing
> wait 20000
op1 is committing
send n3 op1 PREPARE v2
> n3 yes op1
send n3 op1 commit
op1 is committing
> n3 applied op1
op1 is committing
> wait 20000
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
> join n2 runs=v1
ready n2
send n2 op1 PREPARE v2
> join n0 runs=v2
ready n0
send n0 op1 PREPARE v2
> n2 yes op1
send n2 op1 commit
op1 is succeeded-partial
> n2 applied op1
op1 is succeeded-partial
