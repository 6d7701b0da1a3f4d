# The counts of a vmfault log alone: faults by result and path, faults out of balance, time (ns) by path.
#
#     mawk -f bench/counts.awk LOG        gawk -b -f bench/counts.awk LOG
#
# Columns are found by the names in #fields.  Rows: "result" rc path faults, "unbalanced" faults, "time" path ns.

BEGIN { FS = "\t" }

$1 == "F" {
    results[$rc FS $path]++
    time[$path] += $dur
    if ($acq != $rel || $lockxor != "0x0")
        unbalanced++
    next
}

$1 == "#fields" && $2 == "F" {
    for (place = 3; place <= NF; place++) {
        split($place, column, ":")
        at[column[1]] = place - 1
    }
    rc = at["rc"]; path = at["path"]; dur = at["dur"]
    acq = at["acq"]; rel = at["rel"]; lockxor = at["lockxor"]
}

END {
    for (key in results)
        print "result", key, results[key]
    print "unbalanced", unbalanced + 0
    for (key in time)
        printf "time %s %.0f\n", key, time[key]
}
