using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>What a worker says of a packet that it hands over: 0 = a punt, below 2^24 the next hop that it waits for, above a refusal.</summary>
public static class SlowTag
{
    private const int ReasonShift = 24;
    private const uint MtuMask = 0xFFFF;

    /// <summary>Tag of a packet whose sender is to be told.</summary>
    public static uint Refusal(byte reason, uint mtuBytes) => ((uint)reason << ReasonShift) | mtuBytes;

    /// <summary>Whether the tag is a refusal: then why, and the MTU.</summary>
    public static bool IsRefusal(uint tag, out DropReason reason, out int mtuBytes)
    {
        reason = (DropReason)(tag >> ReasonShift);
        mtuBytes = (int)(tag & MtuMask);
        return tag >> ReasonShift != 0;
    }
}
