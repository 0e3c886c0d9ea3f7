/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of a state directory (libcontainer/statedir.h): creators, deleters and starters of one id, each of which may be
 * killed between any two steps. A directory is known by its number, as by its inode: a lock is one directory's, and a name may
 * lead to another one meanwhile.
 *
 * -DBREAK_INTENT (the cgroup is made before the intent is written) and -DBREAK_LINK (the lock is taken without looking whether
 * the name still leads here) are the two mistakes that the model must find; tests/model/run tries them.
 */
#define DIRS 5       /* a creator makes at most one, and there are few */
#define NONE 255

byte name = NONE;    /* the directory that the id leads to */
byte made = 0;       /* directories so far */
bool locked[DIRS];
bool intent[DIRS];
bool record[DIRS];   /* state.json: the container exists */
bool cgroup;         /* its name is the id's: any two containers of the id share it */
byte inits = 0;      /* processes of containers */
byte running[DIRS];  /* 1: an init that waits, 2: a program */
byte winners = 0;    /* containers that exist at once */
byte busy = 0;       /* processes of the model that have not ended */

/* Killed here: the lock goes with the descriptor, an init without state.json with its parent. */
#define MAYBE_KILLED if :: goto killed :: skip fi

inline drop_lock() {
	if :: has -> locked[dir] = false; has = false :: else fi
}

proctype creator() {
	byte dir = NONE;
	bool has = false, child = false;

	/* mkdir */
	if
	:: atomic { name == NONE && made < DIRS -> name = made; made++ }
	:: atomic { name != NONE || made == DIRS } -> goto done
	fi;
	MAYBE_KILLED;
	/* open: what the name leads to now */
	dir = name;
	if :: dir == NONE -> goto done :: else fi;
	atomic { !locked[dir] -> locked[dir] = true; has = true };
	MAYBE_KILLED;
#ifndef BREAK_LINK
	if :: name != dir -> goto done :: else fi;
#endif
	if :: intent[dir] || record[dir] -> goto done :: else fi;
#ifdef BREAK_INTENT
	cgroup = true;
	MAYBE_KILLED;
	intent[dir] = true;
#else
	intent[dir] = true;
	MAYBE_KILLED;
	cgroup = true;
#endif
	MAYBE_KILLED;
	atomic { child = true; inits++ };
	MAYBE_KILLED;
	/* state.json by rename: from here init outlives us */
	atomic { record[dir] = true; child = false; running[dir] = 1; winners++; assert(winners == 1) };
	MAYBE_KILLED;
	goto done;
killed:
done:	atomic {
		if :: child -> inits-- :: else fi;
		drop_lock();
		busy--
	}
}

/* start writes to a fifo: only whoever finds a waiting init gets through */
proctype starter() {
	byte dir;
	bool has = false;

	dir = name;
	if :: dir == NONE -> goto done :: else fi;
	atomic { !locked[dir] -> locked[dir] = true; has = true };
	if :: name != dir || !record[dir] -> goto done :: else fi;
	MAYBE_KILLED;
	if :: atomic { running[dir] == 1 -> running[dir] = 2 } :: else fi;
killed:
done:	atomic { drop_lock(); busy-- }
}

/* delete --force; sure: it is not killed */
proctype deleter(bool sure) {
	byte dir;
	bool has = false;

	dir = name;
	if :: dir == NONE -> goto done :: else fi;
	atomic { !locked[dir] -> locked[dir] = true; has = true };
	if :: !sure -> MAYBE_KILLED :: else fi;
#ifndef BREAK_LINK
	if :: name != dir -> goto done :: else fi;
#endif
	/* the processes of the container, by pidfd and by cgroup.kill */
	atomic { if :: running[dir] -> running[dir] = 0; inits-- :: else fi };
	if :: !sure -> MAYBE_KILLED :: else fi;
	if :: intent[dir] -> cgroup = false :: else fi;
	if :: !sure -> MAYBE_KILLED :: else fi;
	intent[dir] = false;
	if :: !sure -> MAYBE_KILLED :: else fi;
	atomic { if :: record[dir] -> record[dir] = false; winners-- :: else fi };
	if :: !sure -> MAYBE_KILLED :: else fi;
	atomic { if :: name == dir -> name = NONE :: else fi };
killed:
done:	atomic { drop_lock(); busy-- }
}

init {
	atomic {
		busy = 5;
		run creator();
		run creator();
		run starter();
		run deleter(false);
		run deleter(false);
	}
	busy == 0;
	/* whatever happened, one more delete --force removes every trace */
	busy = 1;
	run deleter(true);
	busy == 0;
	assert(name == NONE && !cgroup && inits == 0 && winners == 0);
}
