# The second failure stops a reconcile: who was not asked yet is not asked any more. Who had begun
# stays where it is, for there is nothing better to go back to.
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
> n0 no op1 SMOKE
op1 is committing
send n1 op1 PREPARE v2
> n1 yes op1
send n1 op1 commit
op1 is committing
> n1 applied op1
op1 is committing
> n1 failed op1 CRASHED
write op1 SETTLED
op1 is rolling-back
> cause op1
SMOKE n0 
> written op1
op1 is failed-mixed
op1 is over
> join n2 runs=v1
ready n2
