# What is to stay as it is when nodes fail is settled in one row: nobody is told before that is written,
# for a coordinator that starts again without it would say COMMIT.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> open op1 quorum version=v2 soak=1000 on-failure=hold
ADMITTED: 3 of 3 reachable, need 2
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n2 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
op1 is preparing
> n2 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
send n2 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 failed op1 CRASHED
op1 is committing
> n0 failed op1 CRASHED
write op1 SETTLED
op1 is rolling-back
> n2 asks op1
answer n2 op1 pending
> written op1
op1 is failed-mixed
op1 is over
