namespace Forwarder.Control;

/// <summary>
/// Gives things slots that stay the same from snapshot to snapshot. A freed slot is remembered with its last user and
/// reused as late as possible; who comes back before that gets its slot and incarnation again, and so its flows and counts.
/// Slot 0 is never given.
/// </summary>
public sealed class SlotAllocator<TKey>(int capacity)
    where TKey : notnull
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, int> _slots = [];
    private readonly Dictionary<TKey, LinkedListNode<(TKey Key, int Slot)>> _resting = [];
    private readonly LinkedList<(TKey Key, int Slot)> _restingOrder = new();
    private readonly List<byte> _incarnations = [0];

    /// <summary>One more than the highest slot ever given.</summary>
    public int Count => _incarnations.Count;

    /// <summary>Slots in use with their keys, as they are now. Any thread.</summary>
    public KeyValuePair<TKey, int>[] Used
    {
        get
        {
            lock (_lock)
            {
                return [.. _slots];
            }
        }
    }

    /// <summary>The slot of a key, if it has one. Any thread.</summary>
    public bool TryFind(TKey key, out int slot)
    {
        lock (_lock)
        {
            return _slots.TryGetValue(key, out slot);
        }
    }

    /// <summary>Slots, slot 0 included.</summary>
    public int Capacity { get; set; } = capacity;

    /// <summary>Called with a slot that gets a new user.</summary>
    public Action<int>? Reassigned { get; set; }

    /// <summary>Incarnation of a slot.</summary>
    public byte Incarnation(int slot) => _incarnations[slot];

    /// <summary>The slot of a key, given now if it has none.</summary>
    /// <exception cref="InvalidOperationException">All slots are in use.</exception>
    public int Take(TKey key)
    {
        lock (_lock)
        {
            return TakeLocked(key);
        }
    }

    private int TakeLocked(TKey key)
    {
        if (_slots.TryGetValue(key, out int slot))
        {
            return slot;
        }

        if (_resting.Remove(key, out LinkedListNode<(TKey Key, int Slot)>? node))
        {
            _restingOrder.Remove(node);
            slot = node.Value.Slot;
        }
        else if (_incarnations.Count < Capacity)
        {
            slot = _incarnations.Count;
            _incarnations.Add(1);
            Reassigned?.Invoke(slot);
        }
        else if (_restingOrder.First is { } oldest)
        {
            slot = oldest.Value.Slot;
            if (_resting.GetValueOrDefault(oldest.Value.Key) == oldest)
            {
                _resting.Remove(oldest.Value.Key);   // a restored slot rests without its user
            }

            _restingOrder.RemoveFirst();
            _incarnations[slot]++;
            Reassigned?.Invoke(slot);
        }
        else
        {
            throw new InvalidOperationException($"All {Capacity - 1} slots are in use.");
        }

        _slots.Add(key, slot);
        return slot;
    }

    /// <summary>
    /// Takes over what another allocator has given: slots with their keys, the last incarnation of every slot below
    /// <paramref name="count"/>. Slots without a key rest. Only before the first <see cref="Take"/>.
    /// </summary>
    public void Restore(int count, IReadOnlyDictionary<int, TKey> used, Func<int, byte> incarnation)
    {
        lock (_lock)
        {
            for (int slot = _incarnations.Count; slot < Math.Min(count, Capacity); slot++)
            {
                _incarnations.Add(incarnation(slot));
                if (used.TryGetValue(slot, out TKey? key))
                {
                    _slots.Add(key, slot);
                }
                else
                {
                    _restingOrder.AddLast((default!, slot));
                }
            }
        }
    }

    /// <summary>Frees the slot of a key; it rests, and its user finds it again unless somebody else needs it before.</summary>
    public void Free(TKey key)
    {
        lock (_lock)
        {
            if (_slots.Remove(key, out int slot))
            {
                _resting.Add(key, _restingOrder.AddLast((key, slot)));
            }
        }
    }
}
