using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>
/// A question about the flow tables and its answer. Control writes the cursor, then releases <see cref="RequestSequence"/>;
/// housekeeping reads the tables beside the running workers, fills the entries and releases <see cref="ResponseSequence"/>
/// with the same value. One question at a time. Then control may mark entries (<see cref="FlowRecord.Removal"/>) and release
/// <see cref="RemovalSequence"/>; a worker that has removed its own of them releases <see cref="WorkerBlock.RemovalsDone"/> with the
/// same value. The entries are control's again when all workers have.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct FlowQueryBlock
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 65_536;

    /// <summary>Raised by control to ask.</summary>
    public ulong RequestSequence;
    /// <summary>Where to go on: 0 at first, then what <see cref="NextCursor"/> said.</summary>
    public ulong Cursor;
    /// <summary>Set equal to the request when the answer is complete.</summary>
    public ulong ResponseSequence;
    /// <summary>Cursor of the next page; 0 = that was the last one.</summary>
    public ulong NextCursor;
    /// <summary>Entries filled.</summary>
    public uint Count;
    /// <summary>Padding.</summary>
    public uint Reserved;
    /// <summary>Raised by control when it has marked entries of the answer: each worker takes those of its own out of its tables.</summary>
    public ulong RemovalSequence;
    /// <summary>The flows.</summary>
    public EntryArray Entries;

    /// <summary>Flows of an answer.</summary>
    [InlineArray(Limits.FlowQueryEntriesMax)]
    public struct EntryArray
    {
        private FlowRecord _element0;
    }
}
