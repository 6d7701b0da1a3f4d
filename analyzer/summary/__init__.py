"""What adds: records to tables, tables to a Summary, Summaries to one."""
