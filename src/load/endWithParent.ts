// Loaded before the program of a child (`node --import`): it ends in order when its parent is gone, however that ended. The child has a
// session of its own, so that a terminal's Ctrl+C does not reach it before its parent has seen to the rest.

process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
