# A node that has had its turn leaves the fleet, and then the operation goes back: without it.
> fleet 3
> join n0 runs=v1
ready n0
> join n1 runs=v1
ready n1
> join n2 runs=v1
ready n2
> open op1 rolling kind=reconcile version=v2 soak=1000
ADMITTED: 3 of 3 reachable, need 0
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
> wait 1000
op1 is committing
send n1 op1 PREPARE v2
> n1 yes op1
send n1 op1 commit
op1 is committing
> n1 applied op1
op1 is committing
> revoke n0
op1 is committing
> abort op1
op1 is committing
> wait 1000
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> written op1
op1 is rolling-back
send n1 op1' PREPARE v1
op1' is preparing
> n1 yes op1'
write op1' COMMIT
op1' is preparing
