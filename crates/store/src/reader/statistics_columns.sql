t.tenant_id, t.start_ns, t.end_ns - t.start_ns AS duration_ns, t.has_error,
    t.root_operation_id, t.user_id
