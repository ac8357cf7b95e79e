using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>A desired state with the model that was made from it; without one before the first configuration.</summary>
public sealed record InForce(DesiredState State, DirectorModel? Model);
