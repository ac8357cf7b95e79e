namespace Forwarder.Abi;

/// <summary>Whether a listed flow is to be removed. One that has another server by now is another flow, and stays.</summary>
public enum FlowRemoval : byte
{
    /// <summary>It stays.</summary>
    None = 0,
    /// <summary>In whatever state it is.</summary>
    AnyState = 1,
    /// <summary>If it is still in the state that was listed.</summary>
    SameState = 2,
}
