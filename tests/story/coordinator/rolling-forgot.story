# A node loses its journal after it was told, and one is told late: neither costs a place for good.
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
> join n0 runs=v1 journal=2
op1 is committing
ready n0
send n0 op1 PREPARE v2
> n0 yes op1
send n0 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> wait 1000
op1 is committing
send n1 op1 PREPARE v2
