# A node that is watched is watched to the end, also when its link breaks for a moment.
> fleet 2
> join n0 runs=v1
ready n0
> join n1 runs=v1
ready n1
> open op1 rolling kind=reconcile on-failure=hold version=v2 soak=20000
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
> leave n0
> wait 100
> join n0 runs=v2
ready n0
> wait 19800
> wait 200
op1 is committing
send n1 op1 PREPARE v2
