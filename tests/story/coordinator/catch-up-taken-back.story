# A node was on its way in an operation that is taken back and stays failed-mixed: it holds no place there any
# more, so another operation gives what it owes.
> fleet 5 catch-up=1
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
> leave n3
> leave n4
> open op1 quorum version=v2 
ADMITTED: 3 of 5 reachable, need 3
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
> join n3
ready n3
send n3 op1 PREPARE v2
> n3 yes op1
send n3 op1 commit
op1 is committing
> n0 failed op1 CRASHED
op1 is committing
> n1 failed op1 CRASHED
write op1 DEGRADED and its compensation's OPEN
op1 is rolling-back
> written op1
op1 is rolling-back
send n0 op1' PREPARE v1
send n1 op1' PREPARE v1
send n2 op1' PREPARE v1
send n3 op1' PREPARE v1
op1' is preparing
> leave n2
> n0 yes op1'
op1' is preparing
> n1 yes op1'
op1' is preparing
> n3 yes op1'
op1' is preparing
> wait 16000
write op1' COMMIT
op1' is preparing
> written op1'
send n0 op1' commit
send n1 op1' commit
send n3 op1' commit
op1' is committing
> n0 applied op1' generation=2
op1' is committing
> n1 applied op1' generation=2
op1' is committing
> n3 applied op1' generation=2
write op1' SUCCEEDED
op1' is soaking
> written op1'
write op1' FINAL
op1' is succeeded-partial
write op1 SETTLED
op1 is rolling-back
> written op1
op1 is failed-mixed
> written op1'
send n0 op1' FINAL
send n1 op1' FINAL
send n3 op1' FINAL
op1' is succeeded-partial
> open op2 quorum module=web version=w1 install=1
ADMITTED: 3 of 5 reachable, need 3
write op2 OPEN
op2 is preparing
> written op2
send n0 op2 PREPARE v1
send n1 op2 PREPARE v1
send n3 op2 PREPARE v1
op2 is preparing
> n0 yes op2
op2 is preparing
> n1 yes op2
op2 is preparing
> n3 yes op2
write op2 COMMIT
op2 is preparing
> written op2
send n0 op2 commit
send n1 op2 commit
send n3 op2 commit
op2 is committing
> n0 applied op2
op2 is committing
> n1 applied op2
op2 is committing
> n3 applied op2
write op2 SUCCEEDED
op2 is soaking
> written op2
op2 is succeeded-partial
> wait 6000
write op2 FINAL
op2 is succeeded-partial
> written op2
send n0 op2 FINAL
send n1 op2 FINAL
send n3 op2 FINAL
op2 is succeeded-partial
# n4 is owed op2; nobody else that is here is owed anything
> join n4
ready n4
send n4 op2 PREPARE v1
> wait 5000
