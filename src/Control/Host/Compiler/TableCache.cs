namespace Forwarder.Control;

/// <summary>Maglev tables that are in use, each once: services on the same servers with the same weights share one.</summary>
public sealed class TableCache
{
    private readonly Dictionary<TableKey, SharedTable> _tables = [];

    /// <summary>The table of a key, with one more use.</summary>
    public SharedTable Use(TableKey key)
    {
        if (!_tables.TryGetValue(key, out SharedTable? table))
        {
            _tables.Add(key, table = new SharedTable(key));
        }

        table.Uses++;
        return table;
    }

    /// <summary>Takes a use back; a table that nobody uses is forgotten.</summary>
    public void Release(SharedTable table)
    {
        if (--table.Uses == 0)
        {
            _tables.Remove(table.Key);
        }
    }

    /// <summary>Builds those that are not built yet, on all CPUs.</summary>
    public static void Build(IEnumerable<SharedTable> tables) =>
        Parallel.ForEach([.. tables.Where(t => t.Entries == null).Distinct()], (SharedTable t) => t.Entries = t.Key.Build());
}
