# Calls of the new code are required. They come within the soak: nothing waits for them.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2 soak=1000 calls=10
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
> n0 called op1 4
op1 is committing
> n1 applied op1
op1 is soaking
> n0 called op1 12
op1 is soaking
> n1 called op1 10
op1 is soaking
> wait 1000
write op1 SUCCEEDED
op1 is soaking
# They come later in the window: it has succeeded as soon as they are enough on every node.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2 soak=0 calls=10
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
> wait 2000
op1 is soaking
> n0 called op1 10
op1 is soaking
> n1 called op1 9
op1 is soaking
> n1 called op1 11
write op1 SUCCEEDED
op1 is soaking
# They never come on one node: at the end of the window all go back, and the version is not blamed.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2 soak=1000 calls=10
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
> n0 called op1 50
op1 is soaking
> n1 called op1 9
op1 is soaking
> wait 4900
op1 is soaking
> wait 200
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> cause op1
NOT_CALLED n1 the new code was not called often enough in its window
> written op1
op1 is rolling-back
send n0 op1' PREPARE v1
send n1 op1' PREPARE v1
op1' is preparing
> n0 yes op1'
op1' is preparing
> n1 yes op1'
write op1' COMMIT
op1' is preparing
> written op1'
send n0 op1' commit
send n1 op1' commit
op1' is committing
