# No vote and no read-back are failures when their time is over, and not before.
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
> wait 1900
> wait 200
op1 is committing
send n1 op1 PREPARE v2
> cause op1
EXPIRED n0 no vote within the time to prepare
> n1 yes op1
send n1 op1 commit
op1 is committing
> wait 1400
> wait 200
write op1 SETTLED
op1 is rolling-back
> written op1
op1 is failed-mixed
op1 is over
