namespace Forwarder.Control;

/// <summary>A Maglev table with the number of virtual services that use it.</summary>
public sealed class SharedTable(TableKey key)
{
    /// <summary>What it is made of.</summary>
    public TableKey Key { get; } = key;

    /// <summary>The table; null until it is built.</summary>
    public ushort[]? Entries { get; set; }

    /// <summary>Virtual services that use it.</summary>
    public int Uses { get; set; }
}
