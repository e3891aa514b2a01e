//! What time causes: plan, claim, worker, pipeline, spool.
