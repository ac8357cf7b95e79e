using System.Runtime.InteropServices;

namespace Forwarder.Control;

/// <summary>Lists that are indexed by slot.</summary>
public static class SlotList
{
    /// <summary>Sets a slot's value; the list grows as needed, slots in between are zero.</summary>
    public static void Put<T>(this List<T> list, int slot, T value)
        where T : unmanaged
    {
        if (slot >= list.Count)
        {
            int before = list.Count;
            CollectionsMarshal.SetCount(list, slot + 1);
            CollectionsMarshal.AsSpan(list)[before..].Clear();
        }

        list[slot] = value;
    }
}
