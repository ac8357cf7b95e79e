using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Unit.Tests.Engine;

public sealed class FlowStatesTests
{
    [Theory]
    [InlineData(FlowState.None, Wire.Syn, FlowState.SynReceived)]
    [InlineData(FlowState.None, Wire.Ack, FlowState.Established)]
    [InlineData(FlowState.SynReceived, Wire.Syn, FlowState.SynReceived)]
    [InlineData(FlowState.SynReceived, Wire.Ack, FlowState.Established)]
    [InlineData(FlowState.SynReceived, Wire.Rst, FlowState.Close)]
    [InlineData(FlowState.Established, Wire.Syn, FlowState.Established)]
    [InlineData(FlowState.Established, Wire.Fin | Wire.Ack, FlowState.FinWait)]
    [InlineData(FlowState.Established, Wire.Rst | Wire.Ack, FlowState.Close)]
    [InlineData(FlowState.FinWait, Wire.Ack, FlowState.FinWait)]
    [InlineData(FlowState.FinWait, Wire.Syn, FlowState.SynReceived)]
    [InlineData(FlowState.Close, Wire.Ack, FlowState.Close)]
    [InlineData(FlowState.Close, Wire.Fin, FlowState.Close)]
    [InlineData(FlowState.Close, Wire.Syn, FlowState.SynReceived)]
    [InlineData(FlowState.Udp, 0, FlowState.Udp)]
    public void FollowTheClientsHalf(FlowState before, byte flags, FlowState after) => Assert.Equal(after, FlowStates.Next(before, flags));

    /// <summary>None stands where a SYN opens a new flow on the port of a closed one.</summary>
    [Fact]
    public unsafe void TheTableSaysTheSame()
    {
        byte* table = stackalloc byte[FlowStates.StateCount * FlowStates.FlagCount];
        FlowStates.Fill(table);
        for (int state = 0; state < FlowStates.StateCount; state++)
        {
            for (int flags = 0; flags < 256; flags++)
            {
                bool again = (flags & Wire.Syn) != 0 && (FlowState)state is (FlowState.FinWait or FlowState.Close);
                Assert.Equal(again ? (byte)0 : (byte)FlowStates.Next((FlowState)state, (byte)flags), table[(state * FlowStates.FlagCount) + (flags & FlowStates.FlagMask)]);
            }
        }
    }
}
