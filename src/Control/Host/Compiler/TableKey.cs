using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>What a Maglev table depends on: its size, and the members in the service's order with their weights. Ports count only where NAT translates them, so services on the same servers share a table.</summary>
public sealed class TableKey : IEquatable<TableKey>
{
    private readonly int _size;
    private readonly MaglevMember[] _members;
    private readonly int _hash;

    /// <summary>The key of a service's table.</summary>
    public TableKey(ServiceModel service)
    {
        _size = service.MaglevTableSize;
        _members = new MaglevMember[service.Servers.Count];
        HashCode hash = default;
        hash.Add(_size);
        for (int i = 0; i < _members.Length; i++)
        {
            (ulong high, ulong low) = SnapshotCompiler.Words(service.Servers[i].Address);
            ulong translated = service.Servers[i].Port == service.Key.Port ? 0 : (ulong)service.Servers[i].Port;
            _members[i] = new MaglevMember(Hashes.Mix64(Hashes.Fold(high, low, translated)), (uint)service.Servers[i].Weight);
            hash.Add(_members[i]);
        }

        _hash = hash.ToHashCode();
    }

    /// <summary>Builds the table. Members take their turns in the order of their identity, so that the order in the configuration does not matter.</summary>
    public ushort[] Build()
    {
        int[] order = [.. Enumerable.Range(0, _members.Length).OrderBy(i => _members[i].Identity)];
        ushort[] table = MaglevTable.Build(Array.ConvertAll(order, i => _members[i]), _size);
        for (int i = 0; i < table.Length; i++)
        {
            table[i] = (ushort)order[table[i]];
        }

        return table;
    }

    /// <inheritdoc/>
    public bool Equals(TableKey? other) => other != null && _size == other._size && _members.AsSpan().SequenceEqual(other._members);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as TableKey);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;
}
