# A link that breaks for a moment frees no place: the node was asked, may have promised, and goes on
# when it is back. The next one is asked when it is done, or is given up.
> fleet 3
> join n0 runs=v1
ready n0
> join n1 runs=v1
ready n1
> join n2 runs=v1
ready n2
> open op1 rolling kind=reconcile on-failure=hold version=v2 soak=20000
ADMITTED: 3 of 3 reachable, need 0
write op1 OPEN
op1 is preparing
> written op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 PREPARE v2
op1 is committing
> leave n0
> wait 100
> join n0 runs=v1
ready n0
send n0 op1 PREPARE v2
> n0 yes op1
send n0 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> wait 20000
op1 is committing
send n1 op1 PREPARE v2
> leave n1
> wait 100
