# T01: a node falls silent in the soak. It is lost, and named; the others go back.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2 soak=30000
ADMITTED: 2 of 2 reachable, need 2
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
op1 is soaking
> silent n1
> wait 20000
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
close n1
> cause op1
LOST n1 silent while it was watched
> written op1
op1 is rolling-back
send n0 op1' PREPARE v1
op1' is preparing
