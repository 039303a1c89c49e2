# A quorum of five bears one that crashes. When the others fail in the window, it goes back with them:
# it was told, and may run the version, though it counts as one that is owed it.
> fleet 5
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> join n3
ready n3
> join n4
ready n4
> open op1 quorum version=v2 soak=1000
ADMITTED: 5 of 5 reachable, need 3
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n2 op1 PREPARE v2
send n3 op1 PREPARE v2
send n4 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
op1 is preparing
> n2 yes op1
op1 is preparing
> n3 yes op1
op1 is preparing
> n4 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
send n2 op1 commit
send n3 op1 commit
send n4 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
op1 is committing
> n2 applied op1
op1 is committing
> n3 failed op1 CRASHED
op1 is committing
> join n3 runs=v2 generation=1 open=op1
answer n3 op1 commit
ready n3
> n4 applied op1
op1 is soaking
> wait 1000
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
send n3 op1 PREPARE v2
> n0 fell-back op1 FELL_BACK
op1 is succeeded-partial
> n1 fell-back op1 FELL_BACK
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> written op1
op1 is rolling-back
send n0 op1' PREPARE v1
send n1 op1' PREPARE v1
send n2 op1' PREPARE v1
send n3 op1' PREPARE v1
send n4 op1' PREPARE v1
op1' is preparing
> n3 yes op1'
op1' is preparing
> n4 yes op1'
op1' is preparing
> n0 yes op1'
op1' is preparing
> n1 yes op1'
op1' is preparing
> n2 yes op1'
write op1' COMMIT
op1' is preparing
