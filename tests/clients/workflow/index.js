export function getWorkflowMetadata() {
  throw new Error("there is no workflow here, only its chat transport");
}
