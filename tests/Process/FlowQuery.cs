using Forwarder.Abi;

namespace Forwarder.Process.Tests;

/// <summary>Asks the dataplane for its flows, as control does.</summary>
public static class FlowQuery
{
    /// <summary>All flows, page by page.</summary>
    public static List<FlowRecord> All(Region region)
    {
        List<FlowRecord> flows = [];
        ulong cursor = 0;
        do
        {
            ulong sequence = region.FlowQuery.RequestSequence + 1;
            region.FlowQuery.Cursor = cursor;
            Volatile.Write(ref region.FlowQuery.RequestSequence, sequence);
            Wait.Until(() => Volatile.Read(ref region.FlowQuery.ResponseSequence) == sequence, "the flow query is answered");
            for (int i = 0; i < region.FlowQuery.Count; i++)
            {
                flows.Add(region.FlowQuery.Entries[i]);
            }

            cursor = region.FlowQuery.NextCursor;
        }
        while (cursor != 0);
        return flows;
    }
}
