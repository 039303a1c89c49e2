# An operator ends it: who is watched is watched to the end, and nobody else is asked.
> fleet 5
> join n0 runs=v1
ready n0
> join n1 runs=v1
ready n1
> join n2 runs=v1
ready n2
> join n3 runs=v1
ready n3
> join n4 runs=v1
ready n4
> open op1 rolling kind=reconcile on-failure=hold version=v2 soak=1000
ADMITTED: 5 of 5 reachable, need 0
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
> abort op1
op1 is committing
> wait 1000
write op1 SETTLED
op1 is rolling-back
> written op1
op1 is failed-mixed
op1 is over
