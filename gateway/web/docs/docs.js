// The API's description as Swagger UI shows it. Everything it needs comes from this node.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api", validatorUrl: null, deepLinking: true });
