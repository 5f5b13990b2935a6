namespace StragglerGuard.AkkaCluster.Messages;

/// <summary>A question or an order for whoever decides: handed on to the desk beside the guardian, with its sender.</summary>
internal interface IControlMessage : IFabricMessage;
