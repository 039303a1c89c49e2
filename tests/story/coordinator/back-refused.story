# T12: going back is refused by a node. The fleet is mixed and says so; nothing goes back on going back.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2 soak=1000
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
> n1 failed op1 CRASHED
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> written op1
op1 is rolling-back
send n0 op1' PREPARE v1
send n1 op1' PREPARE v1
op1' is preparing
> n0 yes op1'
op1' is preparing
> n1 no op1' NO_PREVIOUS
write op1' COMMIT
op1' is preparing
> written op1'
send n0 op1' commit
op1' is committing
> n0 applied op1'
write op1' SUCCEEDED
op1' is soaking
> written op1'
write op1' FINAL
op1' is failed-mixed
write op1 SETTLED
op1 is rolling-back
> written op1'
send n0 op1' FINAL
op1' is failed-mixed
> written op1
op1 is failed-mixed
op1' is over
> wait 60000
op1 is over
