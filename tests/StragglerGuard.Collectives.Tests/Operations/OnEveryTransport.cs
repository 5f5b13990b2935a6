using StragglerGuard.Collectives.Tests.Transports;

namespace StragglerGuard.Collectives.Tests.Operations;

public sealed class InProcessCommunicatorTests : CommunicatorTests<InProcessGroups>;

public sealed class TcpCommunicatorTests : CommunicatorTests<TcpGroups>;

public sealed class InProcessPartialReducerTests : PartialReducerTests<InProcessGroups>;

public sealed class TcpPartialReducerTests : PartialReducerTests<TcpGroups>;
